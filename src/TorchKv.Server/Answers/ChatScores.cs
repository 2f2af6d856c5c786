using TorchKv.Runtime.Contracts;
using TorchKv.Server.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>Log-probabilities in the form of chats.</summary>
internal static class ChatScores
{
    /// <summary>The log-probabilities of some tokens.</summary>
    public static IEnumerable<TokenLogprob> Of(
        IEnumerable<ScoredToken> tokens,
        TokenNames names) => tokens.Select(token => new TokenLogprob
        {
            Token = names.OfChat(token.TokenId),
            Logprob = TokenNames.Finite(token.LogProbability),
            Bytes = names.Bytes(token.TokenId),
            TopLogprobs =
        [
            .. token.Best.Select(best => new TopLogprob
            {
                Token = names.OfChat(best.Id),
                Logprob = TokenNames.Finite(best.LogProbability),
                Bytes = names.Bytes(best.Id),
            }),
        ],
        });
}
