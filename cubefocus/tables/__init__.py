"""Tables: columns and their meaning, catalogues of any program, matching, regions."""
