import CLinux
import Glibc

/// By which control groups a node keeps its attempts apart. Found out once, when the agent starts.
public struct Isolation: Equatable, Sendable {
    /// Where the attempts of one agent have their groups, a directory in each hierarchy: `…/berth/KEY`.
    public let bases: [ControlGroup.Place]
    /// Whether devices can be closed to an attempt that were given to others.
    public let refusesDevices: Bool

    /// No control groups: session, process group, subreaper, and what a process can be told about itself.
    public static let none = Isolation(bases: [])

    init(bases: [ControlGroup.Place], refusesDevices: Bool = false) {
        (self.bases, self.refusesDevices) = (bases, refusesDevices)
    }

    /// In words, for a node's record.
    public var description: String {
        guard !bases.isEmpty else { return "process group, subreaper and rlimits" }
        let names = ControlGroup.Controller.allCases.filter(limits).map(\.rawValue).joined(separator: ", ")
        let limits = names.isEmpty ? [] : ["limits (\(names))"]
        let kill = ["kill"] + (refusesDevices ? ["device control"] : [])
        let isSecond = bases.contains { $0.version == 2 }
        let isFirst = bases.contains { $0.version == 1 }
        let second = isSecond ? ["cgroup v2 " + Self.list(isFirst ? kill : limits + kill)] : ["kill by process list"]
        let first = isFirst ? limits.map { "cgroup v1 " + $0 } : []
        return (first + second).joined(separator: ", ") + (limits.isEmpty ? "; no limits" : "")
    }

    private static func list(_ parts: [String]) -> String {
        parts.count < 2 ? parts.joined() : parts.dropLast().joined(separator: ", ") + " and " + parts[parts.count - 1]
    }

    /// Whether what an attempt asked for is also what it gets at most.
    public func limits(_ controller: ControlGroup.Controller) -> Bool {
        bases.contains { $0.controllers.contains(controller) }
    }

    public func group(of attempt: String) -> ControlGroup {
        ControlGroup(
            places: bases.map { base in
                ControlGroup.Place(
                    version: base.version, controllers: base.controllers, path: base.path + "/" + attempt)
            })
    }

    /// Clears away groups that no keeper lives for, processes and all: a keeper, or an agent, was killed.
    ///
    /// - Parameter kept: the attempts whose groups stay.
    public func clear(except kept: Set<String>) {
        var left: Set<String> = []
        for base in bases {
            guard let entries = opendir(base.path) else { continue }
            defer { closedir(entries) }
            while let entry = readdir(entries) {
                let name = nameOfEntry(entry)
                if entry.pointee.d_type == UInt8(DT_DIR), !name.hasPrefix(".") { left.insert(name) }
            }
        }
        for name in left.subtracting(kept).sorted() { group(of: name).clear(patience: 1000) }
    }

    /// Removes the agent's own directories, where no attempt has a group in them.
    public func leave() {
        for base in bases {
            rmdir(base.path)
            if let sign = base.path.lastIndex(of: "/") { rmdir(String(base.path[..<sign])) }
        }
    }
}

extension Isolation {
    /// The control groups of this machine, as its system mounts them.
    public struct System: Sendable {
        /// Where they are mounted.
        public var root = "/sys/fs/cgroup"
        /// The file that says in which groups this process is (cgroups(7)).
        public var membership = "/proc/self/cgroup"
        /// Whether a directory is of version 2.
        public var isSecondVersion: @Sendable (String) -> Bool = { berth_is_cgroup2($0) == 1 }
        /// Whether the kernel lets this process say which devices a group of version 2 may use.
        public var canRefuseDevices: @Sendable () -> Bool = { berth_can_refuse_devices() == 1 }

        public init() {}
    }

    /// Chooses what there is, and makes the agent's directories in it: version 2 where memory and pids are delegated
    /// to this process; else limits of version 1 and, for a kill that nobody escapes, version 2 without controllers.
    ///
    /// - Parameter key: of one agent on this machine, a name for a directory.
    public static func established(in system: System = System(), key: String) -> Isolation {
        let own = membership(system)
        let bases =
            system.isSecondVersion(system.root)
            ? [secondVersion(system.root, own[""], key)].compactMap(\.self) : mixedVersions(system, own, key)
        return Isolation(
            bases: bases, refusesDevices: bases.contains { $0.version == 2 } && system.canRefuseDevices())
    }

    private static func mixedVersions(_ system: System, _ own: [String: String], _ key: String) -> [ControlGroup.Place]
    {
        var bases: [ControlGroup.Place] = []
        for controller in ControlGroup.Controller.allCases {
            // Whoever is confined to PUs has no more processor time than theirs.
            if controller == .cpu, bases.contains(where: { $0.controllers == [.cpuset] }) { continue }
            let root = system.root + "/" + controller.rawValue
            let places = [own[controller.rawValue].map { root + $0 }, root].compactMap(\.self)
            guard let path = places.lazy.compactMap({ firstVersion($0, controller, key) }).first else { continue }
            bases.append(ControlGroup.Place(version: 1, controllers: [controller], path: path))
        }
        let unified = system.root + "/unified"
        if system.isSecondVersion(unified), let base = secondVersion(unified, own[""], key) { bases.append(base) }
        return bases
    }

    /// The path of this process in each hierarchy, by its controllers' names; `""` for version 2.
    private static func membership(_ system: System) -> [String: String] {
        var paths: [String: String] = [:]
        let text = String(decoding: (try? readFile(system.membership, limit: 65_536)) ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2].hasPrefix("/"), !parts[2].contains("/../") else { continue }
            let path = parts[2] == "/" ? "" : String(parts[2])
            for name in parts[1].split(separator: ",", omittingEmptySubsequences: false) { paths[String(name)] = path }
        }
        return paths
    }

    private static func firstVersion(_ parent: String, _ controller: ControlGroup.Controller, _ key: String) -> String?
    {
        var path = parent
        for name in ["berth", key] {
            let above = path
            path += "/" + name
            guard mkdir(path, 0o755) == 0 || errno == EEXIST, access(path + "/cgroup.procs", W_OK) == 0 else {
                return nil
            }
            guard controller == .cpuset else { continue }
            for file in ["/cpuset.cpus", "/cpuset.mems"] {
                guard let numbers = try? readFile(above + file, limit: 65_536),
                    (try? writeControl(path + file, String(decoding: numbers, as: UTF8.self))) != nil
                else { return nil }
            }
        }
        return path
    }

    /// Version 2 has no processes in a group whose children have controllers: the agent steps aside into `agent`, where
    /// a service manager may have put it to begin with.
    private static func secondVersion(_ root: String, _ own: String?, _ key: String) -> ControlGroup.Place? {
        var parent = root + (own ?? "")
        if parent.hasSuffix("/agent") { parent.removeLast("/agent".utf8.count) }
        guard access(parent + "/cgroup.procs", W_OK) == 0 else { return nil }
        let there = words(parent + "/cgroup.controllers")
        let wanted = ControlGroup.Controller.allCases.filter { there.contains($0.rawValue) }
            .filter { $0 != .cpu || !there.contains(ControlGroup.Controller.cpuset.rawValue) }
        if !enable(wanted, in: parent), parent != root, mkdir(parent + "/agent", 0o755) == 0 || errno == EEXIST,
            (try? writeControl(parent + "/agent/cgroup.procs", "0")) != nil
        {
            _ = enable(wanted, in: parent)
        }
        var path = parent
        for name in ["berth", key] {
            path += "/" + name
            guard mkdir(path, 0o755) == 0 || errno == EEXIST, access(path + "/cgroup.procs", W_OK) == 0 else {
                return nil
            }
            _ = enable(wanted, in: path)
        }
        let enabled = words(path + "/cgroup.subtree_control")
        return ControlGroup.Place(
            version: 2, controllers: wanted.filter { enabled.contains($0.rawValue) }, path: path)
    }

    /// - Returns: whether all of them work in the group's children.
    private static func enable(_ controllers: [ControlGroup.Controller], in path: String) -> Bool {
        let file = path + "/cgroup.subtree_control"
        for controller in controllers where !words(file).contains(controller.rawValue) {
            try? writeControl(file, "+" + controller.rawValue)
        }
        let enabled = words(file)
        return controllers.allSatisfy { enabled.contains($0.rawValue) }
    }

    private static func words(_ path: String) -> [String] {
        String(decoding: (try? readFile(path, limit: 4096)) ?? [], as: UTF8.self).split { $0 == " " || $0 == "\n" }
            .map(String.init)
    }
}
