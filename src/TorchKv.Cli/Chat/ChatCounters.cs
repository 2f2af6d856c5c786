namespace TorchKv.Cli.Chat;

/// <summary>What the turns of a chat have cost.</summary>
internal sealed class ChatCounters
{
    public int Turns { get; private set; }

    /// <summary>Tokens of context that the turns began with.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>Of these the ones whose keys and values were there already.</summary>
    public long CachedTokens { get; private set; }

    public void Add(ChatTurn turn)
    {
        Turns++;
        PromptTokens += turn.Usage.PromptTokens;
        CachedTokens += turn.Usage.CachedTokens;
    }
}
