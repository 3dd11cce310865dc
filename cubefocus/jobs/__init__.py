"""What each rule of the workflow does: a job as a typed value, and a function that runs it."""
