namespace TorchKv.Cli.Chat;

/// <summary>Counts the tokens that the turns of a chat computed and reused.</summary>
internal sealed class ChatCounters
{
    public int Turns { get; private set; }

    /// <summary>The sum of the turns' prompt lengths, in tokens.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>How many of these tokens had their keys and values in the cache.</summary>
    public long CachedTokens { get; private set; }

    public void Add(ChatTurn turn)
    {
        Turns++;
        PromptTokens += turn.Usage.PromptTokens;
        CachedTokens += turn.Usage.CachedTokens;
    }
}
