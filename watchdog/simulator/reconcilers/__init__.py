"""LAW: one pass over one object, from what is stored to the next writes; never waits, and is safe to repeat.

What the controllers, the scheduler and the kubelets of a real cluster do, as far as a watchdog can see it.
"""
