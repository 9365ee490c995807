import BerthPlanner

/// A recorded run of a scientific workflow: its tasks, their times, and the machines it ran on.
///
/// Format: WfFormat 1.5 of WfCommons (Coleman et al., Future Generation Computer Systems 128, 2022).
public struct WorkflowInstance: Sendable {
    /// Tasks' names, by index in the graph.
    private let names: [String]
    private let graph: TaskGraph
    private let recordedMakespanSeconds: Double
    /// Cores of the machines that were used; empty where the record does not say.
    public let recordedMachines: [Int]

    public init(json: [UInt8]) throws(TraceError) {
        let record = try WorkflowRecord(json: json)
        names = record.workflow.specification.tasks.map(\.id)
        do {
            graph = try TaskGraph(try record.nodes())
        } catch let refusal as TaskGraph.Refusal {
            throw Self.error(refusal, names)
        } catch let error as TraceError {
            throw error
        } catch {
            throw TraceError("\(error)")
        }
        recordedMakespanSeconds = record.workflow.execution.makespanInSeconds
        recordedMachines = try record.machineCores()
    }

    /// Replays the workflow with the recorded times; moving files takes no time.
    ///
    /// - Parameter machines: cores of each machine; those of the record where it is nil.
    public func simulate(_ policy: WorkflowPolicy, machines given: [Int]? = nil) throws(TraceError) -> SimulationRun {
        let machines = given ?? recordedMachines
        guard machines.allSatisfy({ (1...1_000_000).contains($0) }), machines.count <= 100_000 else {
            throw TraceError("Machines have 1 to 1000000 cores each, and are at most 100000.")
        }
        guard let planner = WorkflowPlanner(graph, machines: machines) else {
            let widest = graph.tasks.map(\.cores).max() ?? 0
            throw TraceError("A task needs \(widest) cores; no machine of \(machines) has them. Give larger machines.")
        }
        let plan =
            switch policy {
            case .berth: planner.best()
            case .fifo: planner.fifo()
            case .heft: planner.heft()
            }
        let cores = machines.reduce(0, +)
        let entries = plan.placements.enumerated().map { task, placement in
            Schedule.Entry(
                job: names[task], start: placement.start, end: placement.end, width: Double(graph.tasks[task].cores),
                machine: "machine \(placement.machine)")
        }
        return SimulationRun(
            label: "\(machines.count) machines, \(cores) cores",
            metrics: [
                .init("makespanSeconds", plan.makespanSeconds),
                .init("lowerBoundSeconds", graph.lowerBoundSeconds(cores: cores)),
                .init("recordedMakespanSeconds", recordedMakespanSeconds),
            ],
            schedule: Schedule(unit: "cores", capacity: Double(cores), entries: entries))
    }

    private static func error(_ refusal: TaskGraph.Refusal, _ names: [String]) -> TraceError {
        switch refusal {
        case .negativeTime(let task): TraceError("Task \(names[task]): its time is not a number of at least 0 seconds.")
        case .noCores(let task): TraceError("Task \(names[task]) asks for no core; it needs at least 1.")
        case .missingPredecessor(let task): TraceError("Task \(names[task]) waits for a task that is not there.")
        case .cycle(let task):
            TraceError("Task \(names[task]) waits, through others, for itself; a workflow has no cycle.")
        }
    }
}
