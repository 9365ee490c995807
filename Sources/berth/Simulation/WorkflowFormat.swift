import BerthWorkloads

/// Recorded scientific workflows: a run for each.
enum WorkflowFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [.workload, .fleet, .policy]
    static let knowsTime = true

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let policy = try arguments.chosenPolicy(WorkflowPolicy.self)
        let machines = try arguments.fleet.map { try WorkloadFile($0).read(Self.machines) }
        return try arguments.workloads().map { file in
            let instance = try file.read { json throws(TraceError) in try WorkflowInstance(json: Array(json.utf8)) }
            guard machines != nil || !instance.recordedMachines.isEmpty else {
                throw Failure(
                    2, "\(file.name) does not say on what machines it ran. Name a file of machines with --fleet.")
            }
            return SimulationPart {
                var run = try instance.simulate(policy, machines: machines)
                run.label = file.stem
                return [run]
            }
        }
    }

    /// The machines' cores, from a table with a column `cores` and a line for each machine.
    private static func machines(_ table: String) throws(TraceError) -> [Int] {
        let lines = table.split(whereSeparator: \.isNewline).map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmingPrefix { $0 == " " } }
        }
        guard let column = lines.first?.firstIndex(of: "cores") else {
            throw TraceError(
                "Line 1 names no column cores. A fleet is like \"name,cores\", then \"node-1,48\", and so on.")
        }
        var machines: [Int] = []
        for (number, fields) in lines.enumerated().dropFirst() {
            guard fields.indices.contains(column), let cores = Int(fields[column]), cores > 0 else {
                throw TraceError("Line \(number + 1) does not say how many cores the machine has, like \"node-1,48\".")
            }
            machines.append(cores)
        }
        guard !machines.isEmpty else { throw TraceError("There is no machine after line 1; write one a line.") }
        return machines
    }
}
