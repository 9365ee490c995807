public import BerthModel
import Foundation

/// A character device that a job may open, for the rules of a device control group.
public struct DeviceNode: Hashable, Sendable {
    public var path: String
    public var major: UInt32
    public var minor: UInt32

    public init(path: String, major: UInt32, minor: UInt32) {
        self.path = path
        self.major = major
        self.minor = minor
    }

    /// The nodes of NVIDIA's driver that an attempt may open and those that it may not. With any GPU it gets those that
    /// all GPUs share; a MIG instance has its GPU's node, and its job is kept to the instance by the driver's own
    /// capability files alone, of which none is listed here.
    ///
    /// - Parameters:
    ///   - allocation: what it was given.
    ///   - devices: the node's, after `ProbeReport.merging`.
    ///   - directory: where the nodes are.
    public static func rules(
        for allocation: Allocation, on devices: [Device], in directory: String = "/dev"
    ) -> (allowed: [DeviceNode], denied: [DeviceNode]) {
        let given = Set(allocation.devices.map(\.name))
        let byName = Dictionary(devices.map { ($0.name, $0) }) { first, _ in first }
        let minors = Set(
            devices.filter { given.contains($0.name) }.compactMap { device in
                (device.parent.flatMap { byName[$0] } ?? device).minorNumber
            })
        let shared = minors.isEmpty ? [] : ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"]
        let all = Set(devices.compactMap(\.minorNumber))
        return (
            (minors.sorted().map { "nvidia\($0)" } + shared).compactMap { DeviceNode(at: directory + "/" + $0) },
            all.subtracting(minors).sorted().compactMap { DeviceNode(at: directory + "/nvidia\($0)") }
        )
    }

    /// The character device at a path; nil where there is none.
    private init?(at path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else { return nil }
        let number = UInt64(status.st_rdev)
        // As makedev(3) packs them.
        self.init(
            path: path, major: UInt32(truncatingIfNeeded: (number >> 8 & 0xFFF) | (number >> 32 & 0xFFFF_F000)),
            minor: UInt32(truncatingIfNeeded: (number & 0xFF) | (number >> 12 & 0xFFFF_FF00)))
    }
}
