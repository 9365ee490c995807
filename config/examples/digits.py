"""The handwritten digits of data/README.md, and a small network that reads them. Needs numpy."""

from pathlib import Path

import numpy as np

CLASSES = 10
DATA = Path(__file__).parent / "data" / "digits.csv.gz"


def load():
    """All images (1797 x 64, float32 from 0 to 1) and their digits (1797, int64)."""
    table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)
    return table[:, :64] / 16, table[:, 64].astype(np.int64)


def split(held_out, seed=0):
    """(images, digits) to learn from, and `held_out` of them, drawn with `seed`, to be judged by."""
    images, digits = load()
    order = np.random.default_rng(seed).permutation(len(digits))
    judge, learn = order[:held_out], order[held_out:]
    return (images[learn], digits[learn]), (images[judge], digits[judge])


def shifted(images, random):
    """The images, each moved by -1, 0 or 1 pixel along each axis with white coming in: the variety of pen strokes that
    1400 images do not show."""
    padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (8, 8), axis=(1, 2))
    rows, columns = random.integers(0, 3, (2, len(images)))
    return windows[np.arange(len(images)), rows, columns].reshape(-1, 64)


def new_network(hidden, random):
    """Weights and biases [W1, b1, W2, b2, …] of a perceptron with ReLU layers of the widths in `hidden`, drawn after
    He et al., ICCV 2015."""
    widths = [64, *hidden, CLASSES]
    parameters = []
    for inputs, outputs in zip(widths, widths[1:]):
        weights = random.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
        parameters += [weights, np.zeros(outputs, np.float32)]
    return parameters


def activations(parameters, images):
    """What each layer gives, the images first; the last are the scores of the ten digits, before softmax."""
    layers = [images]
    for index in range(0, len(parameters), 2):
        values = layers[-1] @ parameters[index] + parameters[index + 1]
        layers.append(values if index + 2 == len(parameters) else np.maximum(values, 0))
    return layers


def accuracy(parameters, images, digits):
    return float(np.mean(activations(parameters, images)[-1].argmax(axis=1) == digits))


def loss_and_gradients(parameters, images, digits):
    """Mean cross-entropy in nats, and its derivative by each parameter."""
    layers = activations(parameters, images)
    scores = layers[-1] - layers[-1].max(axis=1, keepdims=True)
    logarithms = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    rows = np.arange(len(digits))
    error = np.exp(logarithms)
    error[rows, digits] -= 1
    error /= np.float32(len(digits))
    gradients = []
    for index in range(len(parameters) - 2, -1, -2):
        before = layers[index // 2]
        gradients[:0] = [before.T @ error, error.sum(axis=0)]
        if index:
            error = (error @ parameters[index].T) * (before > 0)
    return float(-logarithms[rows, digits].mean()), gradients


class Adam:
    """The optimiser of Kingma and Ba, ICLR 2015, with their constants. Its state is `step`, `means` and `squares`."""

    def __init__(self, parameters):
        self.step = 0
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]

    def update(self, parameters, gradients, rate):
        """One step of size `rate`; changes the parameters in place."""
        self.step += 1
        rate = np.float32(rate * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step))
        for parameter, gradient, mean, square in zip(parameters, gradients, self.means, self.squares):
            mean += np.float32(0.1) * (gradient - mean)
            square += np.float32(0.001) * (gradient * gradient - square)
            parameter -= rate * mean / (np.sqrt(square) + np.float32(1e-8))


def learn_epoch(parameters, optimiser, images, digits, rate, random, batch=32):
    """One pass over the images in random order, each moved a little; returns the mean loss on the way."""
    order = random.permutation(len(digits))
    images = shifted(images, random)
    losses = []
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        loss, gradients = loss_and_gradients(parameters, images[chosen], digits[chosen])
        optimiser.update(parameters, gradients, rate)
        losses.append(loss)
    return float(np.mean(losses))
