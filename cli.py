"""`python cli.py train mnist` from a checkout: the same program as the installed `numbanet`."""

from numbanet.cli import main

if __name__ == "__main__":
    main()
