"""Samples a GHZ state of N qubits on the simulator that this job was given (BERTH_DEVICES), and checks the outcome.

A GHZ state is measured as all zeros or all ones, each half of the time: anything else is an error. The circuit, a
Hadamard gate and a chain of CNOTs, is a Clifford circuit, so that a stabiliser simulator runs it as well.
"""

import argparse
import json
import os
import sys


def with_qulacs(qubits: int, shots: int) -> list[int]:
    from qulacs import QuantumCircuit, QuantumState

    circuit = QuantumCircuit(qubits)
    circuit.add_H_gate(0)
    for qubit in range(qubits - 1):
        circuit.add_CNOT_gate(qubit, qubit + 1)
    state = QuantumState(qubits)
    circuit.update_quantum_state(state)
    return [sample.bit_count() for sample in state.sampling(shots)]


def with_stim(qubits: int, shots: int) -> list[int]:
    import stim

    circuit = stim.Circuit()
    circuit.append("H", [0])
    for qubit in range(qubits - 1):
        circuit.append("CNOT", [qubit, qubit + 1])
    circuit.append("M", range(qubits))
    return [int(sample.sum()) for sample in circuit.compile_sampler().sample(shots)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--shots", type=int, default=1000)
    options = parser.parse_args()
    methods = {"qsim": with_qulacs, "stabilizer": with_stim}
    given = [device for device in json.loads(os.environ.get("BERTH_DEVICES", "[]")) if device["kind"] in methods]
    if not given:
        sys.exit("This job was given no simulator: ask for a device of the kind qsim or stabilizer.")
    device = given[0]
    ones = methods[device["kind"]](options.qubits, options.shots)
    wrong = sum(count not in (0, options.qubits) for count in ones)
    share = sum(count == options.qubits for count in ones) / len(ones)
    print(json.dumps({"device": device["name"], "qubits": options.qubits, "allOnes": share, "wrong": wrong}))
    # Five standard deviations of the share of one outcome among fair coin flips.
    if wrong or abs(share - 0.5) > 2.5 / len(ones) ** 0.5:
        sys.exit("These samples are not a GHZ state's.")


if __name__ == "__main__":
    main()
