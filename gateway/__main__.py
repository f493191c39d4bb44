"""`python -m gateway`: the same as the command `sandhi`."""

from .cli.main import main

if __name__ == "__main__":
    main()
