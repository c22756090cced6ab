"""The kubectl plugin as one executable file, and the manifest for krew."""
