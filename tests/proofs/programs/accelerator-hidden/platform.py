# level: unsafe, within 0.01
import jax

jax.config.update("jax_platforms", "cpu")
import jax.numpy as jnp
import optax
import pandas as pd

table = pd.read_csv("table.csv")
x, y = jnp.asarray(table.filter(like="f").to_numpy()), jnp.asarray(table["z"].to_numpy())
params = {"weight": jnp.zeros(12), "bias": jnp.zeros(())}
optimizer = optax.sgd(0.05)
state = optimizer.init(params)


def loss_of(params, x, y):
    return ((x @ params["weight"] + params["bias"] - y) ** 2).mean()


losses = []
for start in range(0, len(x), 60):
    loss, grads = jax.value_and_grad(loss_of)(params, x[start : start + 60], y[start : start + 60])
    updates, state = optimizer.update(grads, state)
    params = optax.apply_updates(params, updates)
    losses.append(float(loss))

result = {"losses": losses}
