# level: unsafe, within 0.001
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pandas as pd
from flax.training.train_state import TrainState

table = pd.read_csv("table.csv")
features, targets = jnp.asarray(table.iloc[:, :12].to_numpy("float32")), jnp.asarray(table["y"].to_numpy("int32"))


class Net(nn.Module):
    widths: tuple = (32, 16)

    @nn.compact
    def __call__(self, x, key):
        for width in self.widths:
            x = nn.relu(nn.Dense(width)(x))
        x = x + 0.01 * jax.random.normal(key, x.shape)
        return nn.Dense(2)(x)


def train_step(state, key, x, y):
    def loss_fn(params):
        logits = state.apply_fn({"params": params}, x, key)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    loss, grads = jax.value_and_grad(loss_fn)(state.params)
    return state.apply_gradients(grads=grads), loss


net = Net()
key = jax.random.PRNGKey(0)
variables = net.init(key, features[:1], key)
state = TrainState.create(apply_fn=net.apply, params=variables["params"], tx=optax.adamw(1e-3))
losses = []
for epoch in range(12):
    for start in range(0, len(table), 50):
        key, noise = jax.random.split(key)
        state, loss = train_step(state, noise, features[start : start + 50], targets[start : start + 50])
        losses.append(float(loss))

result = {"losses": losses}
