package import BerthModel

/// Machines that exist only as descriptions: plain ones, some with GPUs, some with a declared device.
package enum SyntheticFleet {
    package static let kinds = 3

    /// - Parameter number: machines are of the three kinds in turn.
    package static func registration(_ number: Int) -> NodeRegistration {
        let name = NodeName("node\(number)")
        let inventory =
            switch number % kinds {
            case 0: machine(packages: 2, numaNodesEach: 2, coresEach: 2, threads: 2)
            case 1: withGPUs(machine(packages: 2, numaNodesEach: 1, coresEach: 4, threads: 2), count: 4)
            default: withSimulator(machine(packages: 1, numaNodesEach: 1, coresEach: 8, threads: 1))
            }
        var registration = NodeRegistration(
            name: name, inventory: inventory, inventoryDigest: "synthetic \(number % kinds)")
        registration.takesSuccessors = true
        return registration
    }

    private static func machine(packages: Int, numaNodesEach: Int, coresEach: Int, threads: Int) -> Inventory {
        var inventory = Inventory(cpuModel: "Synthetic", architecture: "x86_64")
        var nextCPU = 0
        for package in 0..<packages {
            var packageCPUs = CPUSet()
            for _ in 0..<numaNodesEach {
                let numaNode = inventory.numaNodes.count
                var numaCPUs = CPUSet()
                for _ in 0..<coresEach {
                    let cpus = CPUSet(nextCPU..<nextCPU + threads)
                    nextCPU += threads
                    let index = inventory.cores.count
                    inventory.cores.append(
                        .init(index: index, number: index, package: package, numaNode: numaNode, cpus: cpus))
                    numaCPUs.formUnion(cpus)
                }
                inventory.numaNodes.append(.init(number: numaNode, cpus: numaCPUs, memoryBytes: 32 << 30))
                packageCPUs.formUnion(numaCPUs)
            }
            inventory.packages.append(.init(number: package, cpus: packageCPUs))
            inventory.cpus.formUnion(packageCPUs)
        }
        inventory.memoryBytes = Int64(inventory.numaNodes.count) << 35
        inventory.memorySource = .description
        return inventory
    }

    /// GPUs spread over the NUMA nodes, those of one NUMA node joined.
    private static func withGPUs(_ machine: Inventory, count: Int) -> Inventory {
        var inventory = machine
        for number in 0..<count {
            inventory.devices.append(
                Device(
                    name: "gpu\(number)", kind: "gpu", model: "Synthetic GPU", memoryBytes: 80 << 30,
                    numaNodes: [number * machine.numaNodes.count / count]))
        }
        for (from, to) in [("gpu0", "gpu1"), ("gpu2", "gpu3")] {
            inventory.links.append(.init(from: from, to: to, kind: .nvlink))
        }
        return inventory
    }

    private static func withSimulator(_ machine: Inventory) -> Inventory {
        var inventory = machine
        inventory.devices.append(
            Device(
                name: "qsim0", kind: "qsim", count: 2, attributes: ["maxQubits": .number(30)],
                memoryRule: try? MemoryRule("16 * 2^qubits"), isDeclared: true))
        return inventory
    }
}
