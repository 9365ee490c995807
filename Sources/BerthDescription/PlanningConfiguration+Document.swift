import BerthModel

extension PlanningConfiguration {
    /// `{backfill: …, priority: …, fairShare: …, successors: …, quotas: […], reservations: […]}`, each of which may be
    /// left out.
    init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "planning")
        if let part = fields.optional("backfill") { backfill = try Backfill(part) }
        if let part = fields.optional("priority") { priority = try PriorityWeights(part) }
        if let part = fields.optional("fairShare") { fairShare = try FairShare(part) }
        if let part = fields.optional("successors") { successors = try Successors(part) }
        for item in try fields.optional("quotas")?.list("quotas") ?? [] {
            let quota = try Quota(item)
            guard self.quota(of: quota.project) == nil else {
                throw item.failure("project \"\(quota.project.shown)\" has two quotas; keep one")
            }
            quotas.append(quota)
        }
        for item in try fields.optional("reservations")?.list("reservations") ?? [] {
            let reservation = try MaintenanceReservation(item)
            guard !reservations.contains(where: { $0.name == reservation.name }) else {
                throw item.failure("reservation \"\(reservation.name)\" stands twice; give one another name")
            }
            reservations.append(reservation)
        }
        try fields.finish()
    }
}

extension PlanningConfiguration.Backfill {
    fileprivate init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "backfill")
        depth = try fields.integer("depth", 0...1_000_000) ?? depth
        try fields.finish()
    }
}

extension PlanningConfiguration.PriorityWeights {
    fileprivate init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "priority")
        fairShare = try fields.optional("fairShare")?.weight("fairShare") ?? fairShare
        wait = try fields.optional("wait")?.weight("wait") ?? wait
        try fields.finish()
    }
}

extension PlanningConfiguration.FairShare {
    fileprivate init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "fairShare")
        halfLife = try fields.duration("halfLife") ?? halfLife
        guard halfLife >= .seconds(1) else {
            throw document.failure("halfLife is at least 1s, and here stands \(halfLife.text)")
        }
        if let projects = fields.optional("projects") {
            guard case .mapping(let entries) = projects.content else {
                throw projects.failure("projects maps projects to shares, and here stands \(projects.kind)")
            }
            for (project, share) in entries {
                guard !project.isEmpty else { throw share.failure("projects has a name that is empty; give it a name") }
                projectShares[project] = try share.weight("projects.\(project.shown)")
            }
        }
        try fields.finish()
    }
}

extension PlanningConfiguration.Successors {
    fileprivate static let leastPatience = Duration.milliseconds(10)

    fileprivate init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "successors")
        ahead = try fields.duration("ahead") ?? ahead
        most = try fields.integer("most", 0...64) ?? most
        patience = try fields.duration("patience") ?? patience
        guard patience >= Self.leastPatience else {
            throw document.failure(
                "patience is at least \(Self.leastPatience.text), and here stands \(patience.text); to let no task wait "
                    + "behind another, set ahead to 0s")
        }
        try fields.finish()
    }
}

extension PlanningConfiguration.Quota {
    fileprivate init(_ document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a quota")
        self.init(
            project: try fields.required("project").text("project"),
            cores: try fields.required("cores").integer("cores", 0...10_000_000),
            gpus: try fields.integer("gpus", 0...1_000_000) ?? 0, lends: try fields.flag("lends") ?? true,
            borrows: try fields.flag("borrows") ?? true)
        guard !project.isEmpty else { throw document.failure("a quota's project is a name; here it is empty") }
        try fields.finish()
    }
}

extension PlanningConfiguration.MaintenanceReservation {
    fileprivate init(_ document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a reservation")
        self.init(
            name: try fields.required("name").text("name"),
            nodes: try fields.required("nodes").expression("nodes"),
            start: try fields.required("start").time("start"), end: try fields.required("end").time("end"))
        guard NodeName(name).isWellFormed else {
            throw document.failure(
                "\"\(name.shown)\" is no name for a reservation; use letters, digits, '.', '_' and '-'")
        }
        guard end > start else {
            throw document.failure(
                "reservation \"\(name)\" ends at \(end), which is not after its start \(start); give it a later end")
        }
        try fields.finish()
    }
}

extension Document {
    /// How much something counts against others; nothing at all with 0.
    fileprivate func weight(_ name: String) throws(DescriptionError) -> Double { try real(name, 0...1_000_000) }

    /// RFC 3339. Nothing relative: a file is read again at every start.
    fileprivate func time(_ name: String) throws(DescriptionError) -> Timestamp {
        guard let time = Timestamp(try text(name)) else {
            throw failure("\(name) is a time like 2026-12-01T08:00:00Z, and here stands \(kind)")
        }
        return time
    }
}
