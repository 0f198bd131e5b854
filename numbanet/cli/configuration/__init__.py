"""Configuration: what can be set, where from, and what comes of it.

    defaults (the model's recipe) < file < --set section.key=value < flags

`sections` says what there is, `kinds` what a value may be, `values` reads and merges, `layers` makes a network of the
tables in a file, `text` writes TOML. `training_plan` completes all of it for a data set.
"""
