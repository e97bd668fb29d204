"""The command line. Modules here import Typer and the standard library; a command imports the rest, help nothing."""
