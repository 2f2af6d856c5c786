using System.Globalization;
using System.Text;
using System.Text.Unicode;
using TorchKv.Runtime.Text;

namespace TorchKv.Server.Answers;

/// <summary>How log-probabilities name tokens.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="byIds">Whether by <c>token_id:N</c>.</param>
internal sealed class TokenNames(Gpt2Tokenizer tokenizer, bool byIds)
{
    // JSON has no infinity; this is the number that OpenAI gives where a token cannot come.
    private const float LeastLogProbability = -9999;

    /// <summary>A token's text; half characters are U+FFFD.</summary>
    public string OfChat(int id) => byIds ? ById(id) : Encoding.UTF8.GetString(tokenizer.TokenBytes(id));

    /// <summary>
    /// A token's text; half characters are written as bytes, since completions have no list of bytes.
    /// </summary>
    public string OfCompletion(int id)
    {
        if (byIds)
        {
            return ById(id);
        }

        var bytes = tokenizer.TokenBytes(id);
        if (Utf8.IsValid(bytes))
        {
            return Encoding.UTF8.GetString(bytes);
        }

        var name = new StringBuilder("bytes:");
        foreach (var b in bytes)
        {
            name.Append(CultureInfo.InvariantCulture, $"\\x{b:x2}");
        }

        return name.ToString();
    }

    /// <summary>A token's bytes.</summary>
    public IReadOnlyList<int> Bytes(int id)
    {
        var bytes = tokenizer.TokenBytes(id);
        var list = new int[bytes.Length];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = bytes[i];
        }

        return list;
    }

    /// <summary>A log-probability that JSON can hold.</summary>
    public static float Finite(float logProbability)
        => logProbability > LeastLogProbability ? Math.Min(logProbability, 0) : LeastLogProbability;

    private static string ById(int id) => string.Create(CultureInfo.InvariantCulture, $"token_id:{id}");
}
