/// How a node is chosen for a task: Berth's way, and the ones its figures are compared with.
///
/// `berth-migrating` moves running tasks to make room, which the published protocol does not: a class of its own.
///
/// Source of the last six: the simulator of the ATC 2023 paper, github.com/hkust-adsl/kubernetes-scheduler-simulator,
/// `pkg/simulator/plugin`.
public enum OpenBPolicy: String, CaseIterable, Sendable {
    case berth
    case berthMigrating = "berth-migrating"
    case fgd, bestfit, dotprod, gpupacking, gpuclustering, random
}
