import DeadLetters

/// What stays the same throughout a schedule. Drawn from its seed apart from its actions, so that each combination comes
/// up within 163,840 seeds.
struct Circumstances {
    /// Whether jobs write files that the daemon follows.
    let hasFiles: Bool
    /// Whether the spool is damaged.
    let hasDamage: Bool
    /// Whether rotated files keep names that are under the patterns.
    let areRotatedWanted: Bool
    /// Whether directories can be watched; otherwise they are looked through from time to time.
    let canWatch: Bool
    /// Whether, after each action, somebody asks for the newest watermark of every pipeline.
    let hasQuestions: Bool
    /// Whether hardly any file is kept open that has been read to its end.
    let keepsFewOpen: Bool

    /// Whether units print to a journal that the daemon reads.
    let hasJournal: Bool

    /// Whether somebody works with the dead letters.
    let hasOperator: Bool

    /// What happens where the dead letters have used up their space; nil: it is never used up.
    let letterLimit: DeadLetterLimits.WhenFull?

    /// Whether the operator has no newer backup where a restored database lacks what is not kept, and accepts that.
    let acceptsGaps: Bool
    /// How many connections delivery has.
    let connections: Int

    /// Whether the dead letters are shown in a table of the database.
    let showsLetters: Bool

    /// Whether the database says which row of a COPY it refuses.
    let namesRows: Bool

    init(seed: UInt64) {
        hasFiles = seed % 4 != 1
        hasDamage = seed % 2 == 1
        areRotatedWanted = seed / 4 % 2 == 0
        canWatch = seed / 8 % 4 != 3
        hasQuestions = seed / 64 % 2 == 1
        keepsFewOpen = seed / 32 % 2 == 1
        hasJournal = seed / 128 % 2 == 1
        hasOperator = seed / 256 % 2 == 1
        acceptsGaps = seed % 5 == 2 && !hasDamage
        letterLimit = seed / 512 % 2 == 0 ? nil : seed / 1024 % 2 == 0 ? .dropOldest : .wait
        showsLetters = seed / 8192 % 2 == 1
        namesRows = seed / 16_384 % 2 == 1
        connections = [1, 2, 3, 8][Int(seed / 2048 % 4)]
    }
}
