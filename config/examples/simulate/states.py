"""State vectors of n qubits: one by qulacs (compiled, OpenMP), one by numpy for where qulacs cannot be installed.

Both hold 2^n complex numbers of 16 bytes, start with all spins up, and work in place. Bit j of an index is 1 where spin
j is down.
"""

import numpy as np

BLOCK = 2**16  # Amplitudes that the numpy state works on at a time, so that temporaries stay small beside the state.


def open_state(qubits, backend="auto"):
    """A new state by the backend that is named, or by the fastest there is."""
    if backend != "numpy":
        try:
            return QulacsState(qubits)
        except ImportError:
            if backend == "qulacs":
                raise
    return NumpyState(qubits)


def unlike_pairs(index, spins):
    """For each index of a chain of `spins`, how many neighbours point in opposite directions."""
    changes = (index ^ (index >> 1)) & (2 ** (spins - 1) - 1)
    unlike = np.zeros(len(index), np.intp)
    for spin in range(spins - 1):
        unlike += (changes >> spin) & 1
    return unlike


class QulacsState:
    """Y. Suzuki et al., Qulacs, Quantum 5, 559 (2021)."""

    backend = "qulacs"

    def __init__(self, qubits):
        import qulacs

        self.version = qulacs.__version__
        self.qubits = qubits
        self._gate, self._observable = qulacs.gate, qulacs.Observable
        self._state = qulacs.QuantumState(qubits)
        self._state.set_zero_state()

    def rotate_x(self, angle):
        """exp(i angle X) on every spin."""
        for spin in range(self.qubits):
            self._gate.RX(spin, 2 * angle).update_quantum_state(self._state)

    def rotate_zz(self, angle):
        """exp(i angle Z Z) on every pair of neighbours, seven pairs at a time as one diagonal gate on eight spins."""
        for low in range(0, self.qubits - 1, 7):
            spins = list(range(low, min(low + 8, self.qubits)))
            pairs = len(spins) - 1
            phases = np.exp(1j * angle * (pairs - 2 * unlike_pairs(np.arange(2 * 2**pairs), len(spins))))
            self._gate.DiagonalMatrix(spins, phases).update_quantum_state(self._state)

    def expectations(self):
        """<Z_j>, <X_j> and <Z_j Z_(j+1)>. The chances that two neighbours are both up or both down give the sum and
        the product of their Z; asking for each operator by name takes twice the time."""
        z, zz = [2 * self._state.get_zero_probability(0) - 1], []
        for spin in range(self.qubits - 1):
            both_up, both_down = self._both(spin, 0), self._both(spin, 1)
            z.append(2 * (both_up - both_down) - z[-1])
            zz.append(2 * (both_up + both_down) - 1)
        return z, [self._expect_x(spin) for spin in range(self.qubits)], zz

    def _both(self, spin, value):
        wanted = [2] * self.qubits  # 2: whatever it is.
        wanted[spin] = wanted[spin + 1] = value
        return self._state.get_marginal_probability(wanted)

    def _expect_x(self, spin):
        observable = self._observable(self.qubits)
        observable.add_operator(1, f"X {spin}")
        return observable.get_expectation_value(self._state).real

    def norm(self):
        return self._state.get_squared_norm()

    def vector(self):
        return self._state.get_vector()


class NumpyState:
    backend = "numpy"
    version = np.__version__

    def __init__(self, qubits):
        self.qubits = qubits
        self._state = np.zeros(2**qubits, np.complex128)
        self._state[0] = 1

    def rotate_x(self, angle):
        """exp(i angle X) on every spin, five spins at a time as one matrix of 32 x 32."""
        one = np.array([[np.cos(angle), 1j * np.sin(angle)], [1j * np.sin(angle), np.cos(angle)]])
        for low in range(0, self.qubits, 5):
            matrix = np.eye(1)
            for _ in range(min(5, self.qubits - low)):
                matrix = np.kron(matrix, one)
            size, right = len(matrix), 2**low
            if right == 1:
                rows = self._state.reshape(-1, size)
                for start in range(0, len(rows), BLOCK // size):
                    rows[start : start + BLOCK // size] @= matrix  # Equal to its transpose.
                continue
            for rows in self._state.reshape(-1, size, right):
                for start in range(0, right, BLOCK // size):
                    columns = rows[:, start : start + BLOCK // size]
                    columns[...] = matrix @ columns

    def rotate_zz(self, angle):
        """exp(i angle Z Z) on every pair of neighbours: a phase that depends on how many pairs are alike."""
        phases = np.exp(1j * angle * (self.qubits - 1 - 2 * np.arange(self.qubits)))
        for start, amplitudes in self._blocks():
            index = np.arange(start, start + len(amplitudes))
            amplitudes *= phases[unlike_pairs(index, self.qubits)]

    def expectations(self):
        """<Z_j>, <X_j> and <Z_j Z_(j+1)>."""
        z, zz = np.zeros(self.qubits), np.zeros(self.qubits - 1)
        spins = np.arange(self.qubits)
        for start, amplitudes in self._blocks():
            probabilities = amplitudes.real**2 + amplitudes.imag**2
            index = np.arange(start, start + len(amplitudes))
            for spin in spins:
                signs = 1 - 2 * ((index >> spin) & 1)
                z[spin] += probabilities @ signs
                if spin:
                    zz[spin - 1] += probabilities @ (signs * before)
                before = signs
        return z, [self._expect_x(spin) for spin in spins], zz

    def _expect_x(self, spin):
        """2 Re <up half|down half>; a dot product needs no temporary."""
        right = 2**spin
        if right >= 64:
            pairs = self._state.reshape(-1, 2, right)
            return 2 * sum(np.vdot(up, down).real for up, down in pairs)
        total = 0.0
        for _, amplitudes in self._blocks():
            pairs = amplitudes.reshape(-1, 2, right)
            total += np.sum(pairs[:, 0].conj() * pairs[:, 1]).real
        return 2 * total

    def _blocks(self):
        for start in range(0, len(self._state), BLOCK):
            yield start, self._state[start : start + BLOCK]

    def norm(self):
        return float(np.vdot(self._state, self._state).real)

    def vector(self):
        return self._state.copy()
