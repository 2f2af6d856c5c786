namespace TorchKv.Cluster.Routing;

/// <summary>A replica that was chosen for a request.</summary>
/// <param name="Replica">Its number.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="MatchedBlocks">Blocks of the prompt, from the first, that it is thought to have.</param>
/// <param name="IsNewConversation">
/// Whether no replica is thought to have more of the prompt than an opening that other conversations share.
/// </param>
internal readonly record struct RouteChoice(
    int Replica, int PromptTokens, int MatchedBlocks, bool IsNewConversation);
