public import BerthDescription
import BerthDevices
import BerthExecution
public import BerthModel
import BerthTopology
import Crypto
import Foundation

/// What a node is, found out once when its agent starts: its hardware, what its owner declares, and what runs on it.
public struct LocalNode: Sendable {
    public var registration: NodeRegistration
    /// As hwloc writes it, without serial numbers and addresses.
    public var topologyXML: [UInt8]
    /// Why drivers that are installed said nothing, or not of all their devices; a sentence each.
    public var deviceProblems: [String] = []

    /// Where an emulated node's hardware comes from.
    public enum Model: Sendable {
        /// The bytes of a hwloc XML file.
        case xml([UInt8])
        /// `package:2 [numa(memory=64GiB)] core:8 pu:2`
        case synthetic(String)
        /// As this machine is.
        case thisMachine
    }

    /// - Parameters:
    ///   - model: nil for the node that this machine is.
    ///   - agentVersion: what the agent's program calls itself.
    /// - Throws: a `TopologyError`, or a sentence about what is declared and cannot be.
    public init(
        _ configuration: AgentConfiguration, model: Model? = nil, agentVersion: String
    ) throws {
        var (inventory, xml, stack) = try Self.read(model ?? .thisMachine)
        if model == nil {
            let probed = DeviceSurvey.report()
            inventory = probed.merging(into: inventory).locatingDeviceFiles()
            stack.drivers.merge(probed.drivers) { _, new in new }
            deviceProblems = probed.problems
        }
        try Self.declare(configuration.devices, in: &inventory)
        let name = NodeName(configuration.name ?? Machine.hostName)
        guard name.isWellFormed else {
            throw ExecutionProblem("\"\(name)\" is no name for a node. Name one with node: {name: …} or --name.")
        }
        guard configuration.reservedCPUs < inventory.cores.count else {
            throw ExecutionProblem(
                "The reserve of \(configuration.reservedCPUs) cores leaves none of \(inventory.cores.count) to jobs.")
        }
        topologyXML = xml
        registration = NodeRegistration(
            name: name, labels: configuration.labels, reservedCPUs: configuration.reservedCPUs,
            reservedMemoryBytes: configuration.reservedMemoryBytes, isEmulated: model != nil, inventory: inventory,
            inventoryDigest: try Self.digest(of: inventory), stack: stack, agentVersion: agentVersion,
            isolation: model == nil ? "" : "none: emulated")  // A real one's is established by its agent.
        registration.address = configuration.address
        registration.pools = configuration.pools.isEmpty ? nil : configuration.pools
    }

    private static func read(_ model: Model) throws -> (Inventory, [UInt8], MachineStack) {
        switch model {
        case .thisMachine: return try Machine.read()
        case .xml(let bytes): return try Machine.described(by: Topology(xml: bytes))
        case .synthetic(let text): return try Machine.described(by: Topology(synthetic: text))
        }
    }

    /// Adds declared devices after those that hwloc sees.
    private static func declare(_ devices: [Device], in inventory: inout Inventory) throws {
        let known = inventory.numaNodes.map(\.number)
        for device in devices {
            guard !inventory.devices.contains(where: { $0.name == device.name }) else {
                throw ExecutionProblem(
                    "The declared device \(device.name) has the name of one that is found here already.")
            }
            for number in device.numaNodes where !known.contains(number) {
                throw ExecutionProblem(
                    "The declared device \(device.name) is near numa:\(number); this node has \(known.map { "numa:\($0)" }.joined(separator: ", "))."
                )
            }
            inventory.devices.append(device)
        }
    }

    static func digest(of inventory: Inventory) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return SHA256.hash(data: try encoder.encode(inventory)).map { String(format: "%02x", $0) }.joined()
    }

    /// The same node by another name: emulated fleets are made of such.
    public func renamed(_ name: NodeName) -> LocalNode {
        var copy = self
        copy.registration.name = name
        return copy
    }
}
