using System.Diagnostics;
using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Peers;

/// <summary>llama.cpp's grammar sampler over a vocabulary, called through its C interface.</summary>
internal sealed unsafe partial class LlamaGrammar : IDisposable
{
    private readonly nint _vocabulary;
    private readonly nint _sampler;
    private readonly Candidate[] _candidates;

    private LlamaGrammar(nint vocabulary, nint sampler, Candidate[] candidates) =>
        (_vocabulary, _sampler, _candidates) = (vocabulary, sampler, candidates);

    /// <summary>Loads a GGUF file with a vocabulary; it stays loaded.</summary>
    public static nint LoadVocabulary(string file)
    {
        var model = LlamaCpp.LoadModel(file);
        return llama_model_get_vocab(model);
    }

    /// <summary>A sampler of a grammar; null where llama.cpp does not read the grammar.</summary>
    public static LlamaGrammar? Create(nint vocabulary, string grammar)
    {
        var sampler = llama_sampler_init_grammar(vocabulary, grammar, "root");
        return sampler == 0 ? null
            : new LlamaGrammar(vocabulary, sampler, new Candidate[llama_vocab_n_tokens(vocabulary)]);
    }

    /// <summary>A sampler that has seen the same tokens and goes its own way from here.</summary>
    public LlamaGrammar Clone() => new(_vocabulary, llama_sampler_clone(_sampler), _candidates);

    /// <summary>Masks the whole vocabulary; gives the microseconds that it takes.</summary>
    public double Mask()
    {
        for (var id = 0; id < _candidates.Length; id++)
        {
            _candidates[id] = new Candidate { Id = id };
        }

        var began = Stopwatch.GetTimestamp();
        Apply(_candidates);
        return Stopwatch.GetElapsedTime(began).TotalMicroseconds;
    }

    /// <summary>Whether the text may end.</summary>
    public bool CanEnd => Allows(llama_vocab_eos(_vocabulary));

    /// <summary>Takes a token; false where it is not allowed.</summary>
    public bool TryAppend(int id)
    {
        if (!Allows(id))
        {
            return false;
        }

        llama_sampler_accept(_sampler, id);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => llama_sampler_free(_sampler);

    // A token that is not allowed would end the process, so it is asked for before it is taken.
    private bool Allows(int id)
    {
        Span<Candidate> one = [new Candidate { Id = id }];
        Apply(one);
        return !float.IsNegativeInfinity(one[0].Logit);
    }

    private void Apply(Span<Candidate> candidates)
    {
        fixed (Candidate* first = candidates)
        {
            var array = new Candidates { First = first, Count = (nuint)candidates.Length, Selected = -1 };
            llama_sampler_apply(_sampler, &array);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Candidate
    {
        public int Id;
        public float Logit;
        public float Probability;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Candidates
    {
        public Candidate* First;
        public nuint Count;
        public long Selected;
        public byte IsSorted;
    }

    [LibraryImport("llama")]
    private static partial nint llama_model_get_vocab(nint model);

    [LibraryImport("llama")]
    private static partial int llama_vocab_n_tokens(nint vocabulary);

    [LibraryImport("llama")]
    private static partial int llama_vocab_eos(nint vocabulary);

    [LibraryImport("llama", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint llama_sampler_init_grammar(nint vocabulary, string grammar, string root);

    [LibraryImport("llama")]
    private static partial nint llama_sampler_clone(nint sampler);

    [LibraryImport("llama")]
    private static partial void llama_sampler_free(nint sampler);

    [LibraryImport("llama")]
    private static partial void llama_sampler_accept(nint sampler, int token);

    [LibraryImport("llama")]
    private static partial void llama_sampler_apply(nint sampler, Candidates* candidates);
}
