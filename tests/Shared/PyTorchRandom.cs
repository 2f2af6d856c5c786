namespace TorchKv.TestSupport;

/// <summary>
/// The numbers that PyTorch draws on a CPU with AVX2 after <c>torch.manual_seed</c>, bit for bit: a Mersenne twister
/// (MT19937), and from it normal values in groups of sixteen.
/// </summary>
/// <remarks>
/// The normal values are Box and Muller's. Logarithm, sine and cosine are the polynomials of the Cephes library in
/// single precision, with a fused operation wherever a product is added to something: that decides the last bit.
/// </remarks>
internal sealed class PyTorchRandom
{
    private const int Words = 624;

    private static readonly float[] s_logarithm =
    [
        7.0376836292E-2f, -1.1514610310E-1f, 1.1676998740E-1f, -1.2420140846E-1f, 1.4249322787E-1f, -1.6668057665E-1f,
        2.0000714765E-1f, -2.4999993993E-1f, 3.3333331174E-1f,
    ];

    private readonly uint[] _state = new uint[Words];
    private int _next = Words;

    public PyTorchRandom(uint seed)
    {
        _state[0] = seed;
        for (var i = 1u; i < Words; i++)
        {
            _state[i] = (1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + i;
        }
    }

    /// <summary>Passes over as many numbers as a tensor of this size takes, whatever is drawn for it.</summary>
    public void Skip(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Next();
        }
    }

    /// <summary>As <c>tensor.normal_(0, std)</c>, for a count that is a multiple of 16.</summary>
    public float[] Normal(int count, float std)
    {
        Assert.Equal(0, count % 16);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (Next() & 0xFFFFFF) * (1f / (1 << 24));
        }

        for (var at = 0; at < count; at += 16)
        {
            for (var i = at; i < at + 8; i++)
            {
                var radius = MathF.Sqrt(-2f * Logarithm(1f - values[i]));
                var (sine, cosine) = SineAndCosine((2f * MathF.PI) * values[i + 8]);
                (values[i], values[i + 8]) = (radius * cosine * std, radius * sine * std);
            }
        }

        return values;
    }

    private static float Logarithm(float value)
    {
        // value = x · 2^exponent with x from √½ to √2
        var bits = BitConverter.SingleToInt32Bits(value);
        var exponent = (bits >> 23) - 126;
        var x = BitConverter.Int32BitsToSingle((bits & 0x7FFFFF) | (126 << 23));
        (x, exponent) = x < 0.70710678f ? (x - 1f + x, exponent - 1) : (x - 1f, exponent);
        var square = x * x;
        var y = s_logarithm[0];
        foreach (var coefficient in s_logarithm.AsSpan(1))
        {
            y = Fused(y, x, coefficient);
        }

        y = Fused(y * x, square, exponent * -2.12194440e-4f) - (square * 0.5f);
        return Fused(exponent, 0.693359375f, x + y);
    }

    private static (float Sine, float Cosine) SineAndCosine(float angle)
    {
        // From the nearest even eighth of a turn on, which is taken off in three parts
        var eighths = ((int)(angle * (4f / MathF.PI)) + 1) & ~1;
        var x = Fused(eighths, -0.78515625f, angle);
        x = Fused(eighths, -2.4187564849853515625e-4f, x);
        x = Fused(eighths, -3.77489497744594108e-8f, x);
        var square = x * x;
        var a = Fused(Fused(2.443315711809948E-5f, square, -1.388731625493765E-3f), square, 4.166664568298827E-2f);
        a = Fused(a * square, square, square * -0.5f) + 1f;
        var b = Fused(Fused(-1.9515295891E-4f, square, 8.3321608736E-3f), square, -1.6666654611E-1f);
        b = Fused(b * square, x, x);
        var (sine, cosine) = (eighths & 2) == 0 ? (b, a) : (a, b);
        return ((eighths & 4) == 0 ? sine : -sine, ((eighths - 2) & 4) == 0 ? -cosine : cosine);
    }

    private static float Fused(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    private uint Next()
    {
        if (_next == Words)
        {
            for (var i = 0; i < Words; i++)
            {
                var joined = (_state[i] & 0x80000000) | (_state[(i + 1) % Words] & 0x7FFFFFFF);
                _state[i] = _state[(i + 397) % Words] ^ (joined >> 1) ^ ((joined & 1) * 0x9908B0DF);
            }

            _next = 0;
        }

        var y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }
}
