"""The comparisons, one file each: `run(plan)` measures and returns findings."""
