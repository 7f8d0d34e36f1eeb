"""Reports of designs that are examined without a trial: all paths, and operating characteristics."""
