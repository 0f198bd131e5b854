"""`python -m numbanet`: the same program as `numbanet`."""

from numbanet.cli import main

if __name__ == "__main__":
    main()
