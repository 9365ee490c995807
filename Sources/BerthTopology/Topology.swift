import BerthModel
import CHwloc

/// A machine's hardware as hwloc sees it. Owns the C topology: never copied, freed on leaving scope.
public struct Topology: ~Copyable {
    let handle: hwloc_topology_t
    /// Whether this is the machine we run on, and not a description of one.
    let isThisMachine: Bool

    /// Reads this machine, at a cost of some 10 ms and more where the system is busy: once, never for each job.
    public static func system() throws(TopologyError) -> Topology {
        try Topology(isThisMachine: true) { handle in
            // OpenGL and OpenCL discovery asks servers and drivers that may not answer, and tells us nothing that we use.
            for component in ["gl", "opencl"] {
                _ = hwloc_topology_set_components(
                    handle, UInt(HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST.rawValue), component)
            }
        }
    }

    /// Builds the machine that a hwloc synthetic description names, `package:2 [numa(memory=64GiB)] core:8 pu:2`.
    public init(synthetic: String) throws(TopologyError) {
        guard Self.mostObjects(of: synthetic) <= Self.mostSyntheticCPUs else { throw .tooManyCPUs(synthetic) }
        try self.init { handle throws(TopologyError) in
            guard !synthetic.utf8.contains(0), hwloc_topology_set_synthetic(handle, synthetic) == 0 else {
                throw .badSynthetic(synthetic)
            }
        }
    }

    /// hwloc takes half a second for so many PUs in levels and 12 for a flat row of them, eight times that for twice as many.
    static let mostSyntheticCPUs = 8192

    /// The product of the levels' numbers, what stands in brackets left out: hwloc builds as many objects as it is told.
    private static func mostObjects(of synthetic: String) -> Int {
        var depth = 0
        let levels = synthetic.filter { character in
            if character == "(" || character == "[" { depth += 1 }
            defer { if character == ")" || character == "]" { depth -= 1 } }
            return depth <= 0
        }
        return levels.split(separator: " ").reduce(1) { product, level in
            let number = level.split(separator: ":").last.flatMap { Int($0.prefix { $0.isASCII && $0.isNumber }) } ?? 1
            let (next, overflow) = product.multipliedReportingOverflow(by: max(1, number))
            return overflow ? .max : next
        }
    }

    /// Larger exports are refused; in bytes.
    public static let largestExport = 16 << 20

    /// Reads an export of another machine. The bytes come from outside and are checked before hwloc sees them.
    public init(xml: [UInt8]) throws(TopologyError) {
        let text = try TopologyXML(xml)
        try self.init { handle throws(TopologyError) in
            // If this fails and the topology is loaded all the same, hwloc reads the machine we run on instead.
            let status = text.bytes.withUnsafeBytes { buffer in
                hwloc_topology_set_xmlbuffer(
                    handle, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count))
            }
            guard status == 0 else { throw .unreadable("hwloc cannot parse it") }
        }
    }

    private init(
        isThisMachine: Bool = false, _ describe: (hwloc_topology_t) throws(TopologyError) -> Void
    ) throws(TopologyError) {
        var created: hwloc_topology_t?
        guard Self.keepsPlugins, hwloc_topology_init(&created) == 0, let created else { throw .outOfMemory }
        do throws(TopologyError) {
            hwloc_topology_set_io_types_filter(created, HWLOC_TYPE_FILTER_KEEP_IMPORTANT)
            hwloc_topology_set_type_filter(created, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_ALL)
            try describe(created)
            guard hwloc_topology_load(created) == 0 else { throw .unreadable("hwloc cannot load what it describes") }
        } catch {
            hwloc_topology_destroy(created)  // `deinit` runs only after a completed `init`.
            throw error
        }
        handle = created
        self.isThisMachine = isThisMachine
    }

    deinit { hwloc_topology_destroy(handle) }

    /// Holds one empty topology until the process ends, for hwloc unloads its plugins with the last one. libxml2 keeps a
    /// pointer for each thread to the error handler in hwloc's plugin: where something else holds libxml2, a faulty
    /// export would have it jump to where the plugin was before (hwloc 2.9, `topology-xml-libxml.c`).
    private static let keepsPlugins: Bool = {
        var held: hwloc_topology_t?
        return hwloc_topology_init(&held) == 0
    }()

    /// The topology as hwloc writes it.
    public func xml() -> [UInt8] {
        var buffer: UnsafeMutablePointer<CChar>?
        var length: Int32 = 0
        guard hwloc_topology_export_xmlbuffer(handle, &buffer, &length, 0) == 0, let buffer else { return [] }
        defer { hwloc_free_xmlbuffer(handle, buffer) }
        let bytes = UnsafeBufferPointer(start: buffer, count: Int(length)).map { UInt8(bitPattern: $0) }
        return Array(bytes.prefix { $0 != 0 })
    }

    /// hwloc's version, `2.9.0`.
    public static var hwlocVersion: String {
        let version = hwloc_get_api_version()
        return "\(version >> 16).\(version >> 8 & 0xFF).\(version & 0xFF)"
    }
}

/// Why a topology cannot be had. The text says what is wrong, and then what to do.
public enum TopologyError: Error, Equatable {
    case outOfMemory
    case badSynthetic(String)
    case tooManyCPUs(String)
    case tooLarge(bytes: Int)
    case tooDeep
    case unreadable(String)
    case unknownFormat(version: String)
}

extension TopologyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .outOfMemory: "There is no memory for a topology."
        case .badSynthetic(let text):
            "\"\(text.prefix(80))\" is no synthetic topology. Write it as hwloc does: package:2 [numa(memory=64GiB)] core:8 pu:2."
        case .tooManyCPUs(let text):
            "\"\(text.prefix(80))\" describes more than \(Topology.mostSyntheticCPUs) PUs; no node has as many. Describe several nodes."
        case .tooLarge(let bytes): "The topology file has \(bytes) bytes; at most \(Topology.largestExport) are read."
        case .tooDeep: "The topology file nests deeper than \(TopologyXML.greatestDepth); no machine does."
        case .unreadable(let problem):
            "The topology file cannot be read: \(problem). Export it again (lstopo --of xml)."
        case .unknownFormat(let version):
            "The topology file has hwloc's XML format \(version); this hwloc (\(Topology.hwlocVersion)) reads 1.x and 2.x. "
                + "Export it with lstopo --export-xml-flags v2."
        }
    }
}
