import BerthWorkloads

/// Batch logs in the Standard Workload Format: one run of the whole log, or a run for each window.
enum SWFFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [
        .workload, .policy, .estimates, .protocolName, .windowStarts,
    ]
    static let knowsTime = true

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(SWFPolicy.self)
        let estimates: SWFEstimates = try arguments.choice(
            arguments.estimates ?? "requested", called: "kind of estimates")
        let form: SWFProtocol = try arguments.choice(arguments.protocolName ?? "full", called: "protocol")
        let starts = try arguments.chosenWindowStarts()
        guard form == .windows || starts == nil else {
            throw Failure(2, "--window-starts goes with --protocol windows. Add that, or leave it out.")
        }
        let log = try arguments.onlyWorkload().read { text throws(TraceError) in try SWFLog(text) }
        // Windows know nothing of one another, so each can have a processor of its own.
        let windows = form == .full ? [nil] : (starts ?? SWFLog.publishedWindowStarts).map { [$0] }
        return windows.map { starts in
            SimulationPart {
                try log.simulate(policy, estimates: estimates, protocol: form, windowStarts: starts)
            }
        }
    }
}

extension SimulationArguments {
    /// `1981,2756`: places in the log, from 0.
    fileprivate func chosenWindowStarts() throws -> [Int]? {
        guard let windowStarts else { return nil }
        return try windowStarts.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let start = Int(text.filter { $0 != " " }), start >= 0 else {
                throw Failure(
                    2, "--window-starts \"\(windowStarts)\" is no list of places; those are like 1981,2756,4299.")
            }
            return start
        }
    }
}
