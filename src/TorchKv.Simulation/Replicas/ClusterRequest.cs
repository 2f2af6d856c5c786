using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Simulation.Replicas;

/// <summary>One turn of a conversation on its way through the cluster.</summary>
/// <param name="conversation">The conversation.</param>
/// <param name="promptTokens">Tokens of the prompt: the conversation so far.</param>
/// <param name="newTokens">Tokens that it generates.</param>
/// <param name="arrival">Seconds.</param>
/// <param name="isFirstTurn">Whether its conversation begins with it.</param>
internal sealed class ClusterRequest(
    Conversation conversation, int promptTokens, int newTokens, double arrival, bool isFirstTurn)
{
    /// <summary>The conversation.</summary>
    public Conversation Conversation { get; } = conversation;

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; } = promptTokens;

    /// <summary>Tokens that it generates.</summary>
    public int NewTokens { get; } = newTokens;

    /// <summary>When it came.</summary>
    public double Arrival { get; } = arrival;

    /// <summary>Whether its conversation begins with it.</summary>
    public bool IsFirstTurn { get; } = isFirstTurn;

    /// <summary>Tokens generated so far, on whatever replicas.</summary>
    public int Emitted { get; set; }

    /// <summary>When the last token came.</summary>
    public double LastToken { get; set; }

    /// <summary>Tokens of its first prompt that the replica had computed already; −1 while that is not known.</summary>
    public int CachedTokens { get; set; } = -1;

    /// <summary>The router that it came to.</summary>
    public int Router { get; set; }

    /// <summary>The replica that it is on.</summary>
    public int Replica { get; set; } = -1;

    /// <summary>The routing policy's record of it.</summary>
    public RoutedRequest? Routed { get; set; }

    /// <summary>Whether a replica that died had it.</summary>
    public bool WasResumed { get; set; }

    /// <summary>Tokens of prompt and answer so far.</summary>
    public int Length => PromptTokens + Emitted;

    /// <summary>Digests of the full blocks of prompt and answer so far.</summary>
    public ReadOnlySpan<BlockDigest> Digests => Conversation.Digests(Length);
}
