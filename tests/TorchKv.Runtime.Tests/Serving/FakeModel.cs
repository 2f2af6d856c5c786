namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// A deterministic stand-in for a transformer: what is stored for position p depends on the token, the position and on
/// everything stored before it, and logits depend on everything stored. So wrong blocks, stale blocks, missing copies
/// and wrong positions all change the output.
/// </summary>
internal static class FakeModel
{
    public static ulong Cell(ulong attention, int token, int position) =>
        Mix(attention ^ Mix(((ulong)(uint)token << 32) | (uint)(position + 1)));

    /// <summary>Folds one more stored cell into what attention sees.</summary>
    public static ulong Attend(ulong attention, ulong cell) => Mix((attention * 3) + cell);

    public static void Logits(ulong attention, Span<float> logits)
    {
        for (var id = 0; id < logits.Length; id++)
        {
            logits[id] = (float)(Mix(attention + (ulong)id) >> 40) / (1 << 24) * 12;
        }
    }

    /// <summary>Logits after the last of these tokens, computed without any blocks.</summary>
    public static float[] Logits(IEnumerable<int> tokens, int vocabulary)
    {
        var attention = 0UL;
        var position = 0;
        foreach (var token in tokens)
        {
            attention = Attend(attention, Cell(attention, token, position++));
        }

        var logits = new float[vocabulary];
        Logits(attention, logits);
        return logits;
    }

    private static ulong Mix(ulong x)
    {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}
