using System.Text;

namespace TorchKv.Cli.Terminal;

/// <summary>Text in pieces, broken between words: a word is shown once its end is known.</summary>
internal sealed class WordWrap(TextWriter output, int width)
{
    private readonly StringBuilder _word = new();
    private int _column;

    public void Write(string text)
    {
        foreach (var character in text)
        {
            if (character is ' ' or '\n')
            {
                PutWord();
                if (character == '\n')
                {
                    output.Write('\n');
                    _column = 0;
                    continue;
                }
            }

            _word.Append(character);
        }
    }

    public void Finish()
    {
        PutWord();
        output.WriteLine();
    }

    private void PutWord()
    {
        // A word brings the space before it; where a line is broken the space is what goes.
        var word = _word.ToString();
        if (_column > 0 && _column + (long)word.Length > width)
        {
            output.Write('\n');
            _column = 0;
            word = word.TrimStart(' ');
        }

        output.Write(word);
        _column += word.Length;
        _word.Clear();
    }
}
