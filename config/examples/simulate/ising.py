#!/usr/bin/env python3
"""A chain of spins after a quench, on a simulated quantum computer, checked against two exact solutions.

The transverse-field Ising chain with open ends, in units of the coupling J (hbar = 1, times in 1/J):

    H = -J sum_j Z_j Z_(j+1) - h sum_j X_j

starts with all spins up and evolves in steps of second-order Trotter (Suzuki, Commun. Math. Phys. 51, 183, 1976):
exp(-iHt) is replaced by a product of exp(-i Hx t/2) exp(-i Hzz t) exp(-i Hx t/2), which a quantum computer can run.

Checks, each made on every run:
1. Full chain against free fermions. The Jordan-Wigner transformation (Pfeuty, Ann. Phys. 57, 79, 1970) turns both
   layers into rotations of 2n Majorana operators, so the energy after the same Trotter steps is known exactly for any n
   from matrices of 2n x 2n. The simulator may differ by rounding only.
2. Eight spins against exact diagonalisation. The distance of the states is at most the Trotter error
   t dt^2 (|[B,[B,A]]| / 12 + |[A,[A,B]]| / 24), A = Hx and B = Hzz, spectral norms (Childs, Su, Tran, Wiebe and Zhu,
   Phys. Rev. X 11, 011020, 2021, proposition 10), and falls by 4 when the step is halved.

The state takes 16 * 2^n bytes, whichever backend computes it. Writes ising.json to OUTPUT_DIR/simulate.
Exit codes: 0 done; 1 a deviation is over its tolerance; 2 the arguments are wrong.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np

import berth_job
from files import output_directory, write_json
from states import open_state

ROUNDING = 1e-9  # Of energies and magnetisations per spin, after all steps in double precision.
SMALL = 8  # Spins of the chain that is diagonalised: matrices of 256 x 256.


def trotter(state, model, steps):
    """Applies `steps` steps. Between two steps, two half turns about X make one whole turn."""
    state.rotate_x(model.h * model.dt / 2)
    for step in range(steps):
        state.rotate_zz(model.j * model.dt)
        state.rotate_x(model.h * model.dt if step + 1 < steps else model.h * model.dt / 2)


def measured(state, model):
    """Magnetisations and energy, each per spin, and how far the state's norm is from 1."""
    z, x, zz = state.expectations()
    n = state.qubits
    return {
        "magnetisationZ": float(np.sum(z) / n),
        "magnetisationX": float(np.sum(x) / n),
        "energy": float((-model.j * np.sum(zz) - model.h * np.sum(x)) / n),
        "normError": float(abs(state.norm() - 1)),
    }


class FreeFermions:
    """Exact <X> and energy per spin of the whole chain, from a_j = S_j Z_j and b_j = S_j Y_j with S_j the product of X
    on the spins before j. Then X_j = i a_j b_j and Z_j Z_(j+1) = i b_j a_(j+1), the operators turn by dc/dt = A c, and
    G = <i c_k c_l> (k != l) turns with them. With all spins up only the <Z_j Z_(j+1)> are not 0."""

    def __init__(self, n, model):
        self.n, self.model = n, model
        self.a, self.b = np.arange(0, 2 * n, 2), np.arange(1, 2 * n, 2)
        self.start = self._antisymmetric(self.b[:-1], self.a[1:], 1)
        self.field = self._antisymmetric(self.a, self.b, -2 * model.h)
        self.coupling = self._antisymmetric(self.b[:-1], self.a[1:], -2 * model.j)

    def _antisymmetric(self, rows, columns, value):
        matrix = np.zeros((2 * self.n, 2 * self.n))
        matrix[rows, columns] = value
        return matrix - matrix.T

    @staticmethod
    def _turn(generator, t):
        values, vectors = np.linalg.eigh(1j * generator)
        return ((vectors * np.exp(-1j * values * t)) @ vectors.conj().T).real

    def after(self, steps, exact=False):
        """(<X>, energy) per spin after `steps` Trotter steps, or at that time without Trotter's error."""
        model = self.model
        if exact:
            turn = self._turn(self.field + self.coupling, steps * model.dt)
        else:
            half = self._turn(self.field, model.dt / 2)
            turn = np.linalg.matrix_power(half @ self._turn(self.coupling, model.dt) @ half, steps)
        g = turn @ self.start @ turn.T
        x, zz = np.sum(g[self.a, self.b]), np.sum(g[self.b[:-1], self.a[1:]])
        return x / self.n, (-model.j * zz - model.h * x) / self.n


def small_chain(open_backend, model, steps):
    """Check 2: the largest distance of states, its bound, and the ratio for a halved step."""
    up = open_backend(SMALL)
    index = np.arange(2**SMALL)
    spins = 1 - 2 * ((index[:, None] >> np.arange(SMALL)) & 1)
    b = np.diag(-model.j * np.sum(spins[:, 1:] * spins[:, :-1], axis=1).astype(float))
    a = np.zeros_like(b)
    for spin in range(SMALL):
        a[index, index ^ (1 << spin)] = -model.h
    values, vectors = np.linalg.eigh(a + b)
    start = vectors.T @ up.vector()

    def distance(substeps):
        """Largest over the measured times, and over the last alone."""
        state, finer = open_backend(SMALL), model.with_step(model.dt / substeps)
        distances = []
        for done in range(model.every, steps + 1, model.every):
            trotter(state, finer, model.every * substeps)
            exact = vectors @ (np.exp(-1j * values * done * model.dt) * start)
            distances.append(float(np.linalg.norm(state.vector() - exact)))
        return max(distances), distances[-1]

    def commutator(p, q):
        return p @ q - q @ p

    rate = np.linalg.norm(commutator(b, commutator(b, a)), 2) / 12
    rate += np.linalg.norm(commutator(a, commutator(a, b)), 2) / 24
    (largest, last), (_, last_halved) = distance(1), distance(2)
    return {
        "qubits": SMALL,
        "stateDistance": largest,
        "trotterBound": float(steps * model.dt**3 * rate),
        "ratioForHalfTheStep": last / last_halved,
    }


class Model:
    def __init__(self, j, h, dt, every):
        self.j, self.h, self.dt, self.every = j, h, dt, every

    def with_step(self, dt):
        return Model(self.j, self.h, dt, self.every)


def evolve(state, model, steps):
    """The run itself: what is measured at the start and after every `model.every` steps, with the exact values."""
    exact = FreeFermions(state.qubits, model)
    series = []
    for done in range(0, steps + 1, model.every):
        if done:
            trotter(state, model, model.every)
        row = {"time": done * model.dt, **measured(state, model)}
        for name, values in (("sameSteps", exact.after(done)), ("exact", exact.after(done, exact=True))):
            row[name] = dict(zip(("magnetisationX", "energy"), map(float, values)))
        series.append(row)
        berth_job.report(progress=done / steps, note=f"t = {row['time']:.2f}")
        berth_job.report(metric={"magnetisationZ": row["magnetisationZ"], "energy": row["energy"]})
        print(f"t = {row['time']:5.2f}  <Z> = {row['magnetisationZ']:8.5f}  <X> = {row['magnetisationX']:8.5f}", end="")
        print(f"  energy per spin = {row['energy']:9.6f}", flush=True)
    return series


def deviation(series, reference):
    return max(abs(row[name] - row[reference][name]) for row in series for name in row[reference])


def faults(result, tolerance):
    """A sentence for each check that failed."""
    full, small = result["deviation"], result["smallChain"]
    limits = [
        ("The norm of the state", max(row["normError"] for row in result["series"]), ROUNDING),
        ("The full chain's deviation from the same steps of free fermions", full["sameSteps"], ROUNDING),
        ("The full chain's deviation from the exact evolution", full["exact"], tolerance),
        ("The state of 8 spins", small["stateDistance"], small["trotterBound"] + ROUNDING),
        ("The order of the Trotter error: its ratio's distance from 4", abs(small["ratioForHalfTheStep"] - 4), 0.5),
    ]
    return [f"{what} is {value:.3g}; at most {limit:.3g} is right." for what, value, limit in limits if not value <= limit]


def main():
    arguments = parse()
    model = Model(arguments.coupling, arguments.field, arguments.step, arguments.every)
    print(f"device: {granted_device()}")

    def open_backend(qubits):
        return open_state(qubits, arguments.backend)

    state = open_backend(arguments.qubits)
    print(f"backend: {state.backend} {state.version}, {arguments.qubits} qubits, {16 * 2**arguments.qubits} bytes", end="")
    print(f", OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}", flush=True)
    series = evolve(state, model, arguments.steps)
    result = {
        "qubits": arguments.qubits,
        "coupling": model.j,
        "field": model.h,
        "step": model.dt,
        "steps": arguments.steps,
        "backend": state.backend,
        "version": state.version,
        "stateBytes": 16 * 2**arguments.qubits,
        "deviation": {name: deviation(series, name) for name in ("sameSteps", "exact")},
        "smallChain": small_chain(open_backend, model, arguments.steps),
        "series": series,
    }
    found = faults(result, arguments.tolerance)
    result["agrees"] = not found
    # Twelve digits: the last few depend on the order in which threads add.
    write_json(arguments.output, json.loads(json.dumps(result), parse_float=lambda text: round(float(text), 12)))
    print(f"deviation from the same steps {result['deviation']['sameSteps']:.1e}, from the exact evolution", end=" ")
    print(f"{result['deviation']['exact']:.1e}; 8 spins {result['smallChain']['stateDistance']:.1e}", end=" ")
    print(f"(bound {result['smallChain']['trotterBound']:.1e}); {time.process_time():.1f} s of CPU")
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


def granted_device():
    """In words, what BERTH_DEVICES (a JSON list) says that the job may use."""
    text = os.environ.get("BERTH_DEVICES")
    if not text:
        return "none asked for; running on the CPU"
    try:
        devices = json.loads(text)
    except ValueError:
        return f"BERTH_DEVICES is not JSON: {text}"
    if not isinstance(devices, list):
        devices = [devices]
    return "; ".join(json.dumps(device) for device in devices) or "none granted; running on the CPU"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--coupling", type=float, default=1.0, help="J")
    parser.add_argument("--field", type=float, default=0.8, help="h, in J; the chain is critical at 1")
    parser.add_argument("--step", type=float, default=0.05, help="dt, in 1/J")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=5, help="steps between two measurements")
    parser.add_argument("--tolerance", type=float, default=0.005, help="of the deviation from the exact evolution")
    parser.add_argument("--backend", choices=["auto", "qulacs", "numpy"], default="auto")
    parser.add_argument("--output", type=Path, default=output_directory("simulate") / "ising.json")
    arguments = parser.parse_args()
    if not 2 <= arguments.qubits <= 34:
        parser.error("--qubits must be from 2 to 34")
    if arguments.every < 1 or arguments.steps < 1 or arguments.steps % arguments.every:
        parser.error("--steps must be a multiple of --every, and both at least 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
