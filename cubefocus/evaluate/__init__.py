"""Matching, tables and figures."""
