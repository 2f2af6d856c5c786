namespace TorchKv.Simulation.Replicas;

/// <summary>How a router chooses a replica.</summary>
internal enum RouterKind
{
    /// <summary>The router's own policy: prefix hits less load.</summary>
    Prefix,

    /// <summary>One after the other.</summary>
    RoundRobin,

    /// <summary>One at random.</summary>
    OneChoice,

    /// <summary>The less loaded of two at random.</summary>
    TwoChoices,

    /// <summary>The least loaded of all, by what the probes said and nothing else.</summary>
    LeastProbed,

    /// <summary>By a hash of the conversation, within the bound on the load.</summary>
    SessionHash,

    /// <summary>By a hash of the prompt's first 128 tokens, within the bound on the load.</summary>
    HeadHash,
}
