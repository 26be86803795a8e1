"""The hosts: what each DAW can tell us, and what we can place in it."""
