"""`python -m bkgen` is the command `bkgen`."""

from .cli import main

if __name__ == "__main__":
    main()
