"""Count the plates down."""

import time

for plate in range(10, 0, -1):
    print(f"{plate} plates left")
    time.sleep(0.1)
