using TorchKv.Runtime;

namespace TorchKv.Cli.Chat;

/// <summary>One branch of a conversation.</summary>
/// <param name="Session">Its tokens, with their keys and values.</param>
/// <param name="Turns">How many tokens there were before each turn.</param>
internal sealed record Branch(Session Session, List<int> Turns);
