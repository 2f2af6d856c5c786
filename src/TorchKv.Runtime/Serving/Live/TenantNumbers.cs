namespace TorchKv.Runtime.Serving.Live;

/// <summary>Numbers in place of salts, which are secrets: 0 for none, then 1, 2, … as they are first seen.</summary>
internal sealed class TenantNumbers
{
    // Salts come from requests, so that their number is bounded here; beyond it numbers begin to be given anew.
    private const int MaxKept = 4096;
    private readonly Dictionary<string, int> _numbers = [];
    private int _last;

    /// <summary>The number of a salt.</summary>
    public int Of(string? salt)
    {
        if (string.IsNullOrEmpty(salt))
        {
            return 0;
        }

        if (!_numbers.TryGetValue(salt, out var number))
        {
            if (_numbers.Count >= MaxKept)
            {
                _numbers.Clear();
            }

            number = ++_last;
            _numbers.Add(salt, number);
        }

        return number;
    }
}
