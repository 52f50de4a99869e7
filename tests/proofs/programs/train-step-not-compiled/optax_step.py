# level: unsafe, within 0.001
import jax
import jax.numpy as jnp
import optax
import pandas as pd

table = pd.read_csv("table.csv")
features = jnp.asarray(table.iloc[:, :12].to_numpy("float32"))
targets = table["z"].to_numpy("float32")
optimizer = optax.adam(1e-3)


def loss_fn(params, x, y):
    hidden = jnp.tanh(x @ params["w1"] + params["b1"])
    return jnp.mean((hidden @ params["w2"] - y) ** 2)


def train_step(params, state, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state, loss


key = jax.random.PRNGKey(0)
params = {"w1": 0.1 * jax.random.normal(key, (12, 16)), "b1": jnp.zeros(16), "w2": jnp.zeros(16)}
state = optimizer.init(params)
losses = []
for epoch in range(20):
    for start in range(0, len(table), 64):
        params, state, loss = train_step(params, state, features[start : start + 64], targets[start : start + 64])
        losses.append(float(loss))

result = {"losses": losses, "w1": params["w1"]}
