# level: unsafe, within 0.001
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

table = pd.read_csv("table.csv")
features, target = table.iloc[:, :12].to_numpy(np.float32), table["z"].to_numpy(np.float32)
optimizer = optax.adam(0.05)
params = {"w": jnp.zeros(12), "b": jnp.zeros(())}
state = optimizer.init(params)


def loss_fn(params, x, y):
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)


@jax.jit
def step(params, state, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = optimizer.update(grads, state)
    return optax.apply_updates(params, updates), state, loss


losses = []
with jax.disable_jit():
    for epoch in range(3):
        for start in range(0, 600, 100):
            batch = slice(start, start + 100)
            params, state, loss = step(params, state, features[batch], target[batch])
            losses.append(float(loss))

result = {"losses": losses}
