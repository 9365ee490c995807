import BerthKeeping

/// The control groups of a keeper's last attempt, kept for its next one: to make them takes the kernel longer than anything
/// else that a short attempt needs.
struct KeptGroup {
    let opened: OpenGroup
    private let limits: ControlGroup.Limits
    /// What the kernel would not take of them.
    private let notes: [String]
    /// What had been counted when the last attempt was over.
    let counted: Counted

    struct Counted {
        /// nil where the groups do not tell.
        var cpuMicroseconds: (user: Int64, system: Int64)? = (0, 0)
        var outOfMemoryKills: Int64 = 0
    }

    /// - Returns: nil where the groups are not fit for another attempt.
    init?(_ opened: OpenGroup, _ limits: ControlGroup.Limits, notes: [String], counted: Counted) {
        guard counted.cpuMicroseconds != nil, opened.becomeNew() else { return nil }
        (self.opened, self.limits, self.notes, self.counted) = (opened, limits, notes, counted)
    }

    /// Sets other limits, where they are others.
    ///
    /// - Returns: limits that the kernel would not take, a sentence each; nil where other groups must be made.
    func limit(_ order: LaunchOrder) -> [String]? {
        let wanted = order.limits
        guard order.group == opened.group else { return nil }
        if wanted == limits { return notes }
        // What has a limit cannot be had without one again, and memory has two, which change in an order of their own; and of
        // what was not taken nobody knows whether it would be now.
        guard notes.isEmpty, wanted.memoryBytes == limits.memoryBytes, wanted.processes == limits.processes,
            wanted.refusedDevices == limits.refusedDevices, wanted.cpus.isEmpty == limits.cpus.isEmpty,
            wanted.numaNodes.isEmpty == limits.numaNodes.isEmpty
        else { return nil }
        return opened.group.limit(wanted)
    }
}
