"""Other open solvers on our problems: what each can express of one, and what it finds.

They are requirements of development alone. Each module has ``EXPRESSES``, the features it states
to its solver, and ``route``, which asks it; what it cannot express is left out, and shows when its
plan is judged on the whole problem.
"""
