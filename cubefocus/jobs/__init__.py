"""What each rule of the workflow does: a job as a typed value, and a function ``run`` that does it.

A job has plain fields, so that JSON holds it and any process can take it: `cubefocus.ranks` hands those that have many
parts to several.
"""
