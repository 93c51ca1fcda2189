"""What models are made of: names, shapes and random values of the tensors of each kind of layer."""

# By how much an activation shrinks a signal's mean square; a layer behind it makes up for that.
RELU, GELU, SILU = 2.0, 2.35, 2.8
# Gain of the layer that ends a residual branch: hundreds of branches may add up.
BRANCH = 0.15


def divisible(value, divisor=8, floor=0.9):
    """timm's make_divisible: the nearest multiple that is no more than a tenth below."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < floor * value else rounded


def pair(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


def normal(mean, deviation):
    return lambda random, shape: mean + deviation * random.standard_normal(shape, dtype="f4")


def uniform(low, high):
    return lambda random, shape: low + (high - low) * random.random(shape, dtype="f4")


class Tensors:
    """Collects name -> (shape, dtype, values). A scope, `tensors / "stem"`, adds to the same collection."""

    def __init__(self, collected=None, prefix="", counters=True, old_buffers=False):
        self.collected = {} if collected is None else collected
        self.prefix, self.counters, self.old_buffers = prefix, counters, old_buffers

    def __truediv__(self, name):
        return Tensors(self.collected, f"{self.prefix}{name}.", self.counters, self.old_buffers)

    def add(self, name, shape, values, dtype="F32"):
        name = self.prefix + name
        assert name not in self.collected, name
        self.collected[name] = (tuple(shape), dtype, values)

    def weight(self, name, shape, fan_in, bias, gain):
        self.add(f"{name}.weight", shape, normal(0, (gain / fan_in) ** 0.5))
        if bias:
            self.add(f"{name}.bias", shape[:1], normal(0, 0.05))

    def linear(self, name, inputs, columns, bias=True, gain=1.0):
        self.weight(name, (columns, inputs), inputs, bias, gain)

    def conv(self, name, inputs, columns, kernel=1, groups=1, bias=False, gain=1.0):
        inputs //= groups
        self.weight(name, (columns, inputs, *pair(kernel)), inputs * pair(kernel)[0] * pair(kernel)[1], bias, gain)

    def layer_norm(self, name, channels):
        self.add(f"{name}.weight", (channels,), normal(1, 0.1))
        self.add(f"{name}.bias", (channels,), normal(0, 0.05))

    group_norm = layer_norm  # the same two tensors

    def batch_norm(self, name, channels, branch=False):
        """With the statistics of a trained one; `branch`: the last of a residual branch."""
        self.add(f"{name}.weight", (channels,), uniform(0.1, 0.3) if branch else normal(1, 0.1))
        self.add(f"{name}.bias", (channels,), normal(0, 0.1))
        self.add(f"{name}.running_mean", (channels,), normal(0, 0.1))
        self.add(f"{name}.running_var", (channels,), uniform(0.5, 1.5))
        if self.counters:
            self.add(f"{name}.num_batches_tracked", (), lambda random, shape: 12345, "I64")

    def conv_bn(self, name, inputs, columns, kernel=1, groups=1, gain=1.0, branch=False):
        """A convolution and its norm, together under a name as timm has them: NAME.conv and NAME.bn."""
        self.conv(f"{name}.conv", inputs, columns, kernel, groups, gain=gain)
        self.batch_norm(f"{name}.bn", columns, branch)

    def mlp(self, name, width, hidden, conv=False, gate=False):
        """fc1, fc2; as 1x1 convolutions, or with half of fc1's columns gating the other half (SwiGLU)."""
        at, layer = self / name, Tensors.conv if conv else Tensors.linear
        layer(at, "fc1", width, hidden, bias=True)
        layer(at, "fc2", hidden // 2 if gate else hidden, width, bias=True, gain=GELU * BRANCH)
