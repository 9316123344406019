"""Pages as people have them, to see what comes out and what Pressrun says about it.

All are written for this corpus. `index.toml` lists them.
"""
