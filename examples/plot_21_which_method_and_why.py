"""
Which method runs, and why?
===========================

The plan names its method, its reason and a bound on its error before anything is computed.
"""

import numpy as np

import kernfit

rng = np.random.default_rng(0)
kernels = {
    "5x5, any": rng.normal(size=(5, 5)),
    "31x31 box": np.ones((31, 31)) / 961,
    "31x31, any": rng.normal(size=(31, 31)),
}
for name, kernel in kernels.items():
    plan = kernfit.make_plan((2048, 2048), "float32", kernel.astype("float32"))
    print(f"{name}: {plan.method}. {plan.reason}")
