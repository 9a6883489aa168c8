"""Run the command line: `python -m tapeline`."""

from tapeline.cli.main import main

if __name__ == "__main__":
    main()
