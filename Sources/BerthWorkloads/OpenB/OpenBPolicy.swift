/// How a node is chosen for a task: Berth's way, and the ones its figures are compared with.
///
/// Source of the last six: the simulator of the ATC 2023 paper, github.com/hkust-adsl/kubernetes-scheduler-simulator,
/// `pkg/simulator/plugin`.
public enum OpenBPolicy: String, CaseIterable, Sendable {
    case berth, fgd, bestfit, dotprod, gpupacking, gpuclustering, random
}
