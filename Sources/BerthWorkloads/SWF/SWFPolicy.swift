/// Who decides which job of a batch log starts when.
public enum SWFPolicy: String, CaseIterable, Sendable {
    /// Berth's own: `BackfillPass` over learned run times.
    case berth
    /// In order of submission. In whole logs strict, nothing passes the first job; in windows with backfilling.
    case fcfs
    /// Shortest request first, with backfilling.
    case sjf
    /// The F1 function, log10(request) · processors + 870 · log10(submission), least first, with backfilling.
    ///
    /// Source: Carastan-Santos and de Camargo, SC 2017.
    case f1
    /// EASY: in order of submission; the first job that does not fit has a reservation, others start around it.
    case easy
    /// EASY that tries the shortest estimate first behind the reservation.
    case easySJBF = "easy-sjbf"
    /// Conservative backfilling: every job has a reservation, moved forward when a job ends early.
    case conservative
}

/// What the policies are told about run times.
public enum SWFEstimates: String, CaseIterable, Sendable {
    /// The time that the user asked for.
    case requested
    /// The true run time, as if users knew it.
    case exact
}

/// How a log is cleaned and measured.
public enum SWFProtocol: String, CaseIterable, Sendable {
    /// All of it. Source: Gaussier, Glesser, Reis and Trystram, SC 2015.
    case full
    /// Windows of 1,024 jobs, each on an empty machine. Source: Zhang et al., RLScheduler, SC 2020, table V.
    case windows
}
